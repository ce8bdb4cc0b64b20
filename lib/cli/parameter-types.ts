import type { CreateMultipartUploadCommandInput, PutObjectCommandInput } from '@aws-sdk/client-s3'
import { Failure } from './failure.js'

type Parameters = Required<PutObjectCommandInput & CreateMultipartUploadCommandInput>
type NotStrings = Exclude<
  { [Name in keyof Parameters]: NonNullable<Parameters[Name]> extends string ? never : Name }[keyof Parameters],
  'Body'
>

/** Converts the text of a parameter, or returns undefined if it does not fit. */
interface Conversion {
  expected: string
  convert: (text: string) => unknown
}

const BOOLEAN: Conversion = {
  expected: 'true or false',
  convert: (text) => (text === 'true' || text === 'false' ? text === 'true' : undefined),
}
const DATE: Conversion = {
  expected: 'a date such as 2027-01-31T00:00:00Z',
  convert: (text) => (Number.isNaN(Date.parse(text)) ? undefined : new Date(text)),
}
const WHOLE_NUMBER: Conversion = {
  expected: 'a whole number',
  convert: (text) => (/^\d+$/.test(text) ? Number(text) : undefined),
}
/** A parameter with an option of its own, which has another form. */
const hasOption = (option: string): Conversion => ({
  expected: `the option ${option} instead`,
  convert: () => undefined,
})

/** The parameters whose values are no strings. The compiler checks that none is missing. */
const CONVERSIONS: Record<NotStrings, Conversion> = {
  BucketKeyEnabled: BOOLEAN,
  ContentLength: hasOption('--content-length'),
  Expires: DATE,
  Metadata: hasOption('--metadata name=value'),
  ObjectLockEventHoldDurationDays: WHOLE_NUMBER,
  ObjectLockEventHoldDurationYears: WHOLE_NUMBER,
  ObjectLockRetainUntilDate: DATE,
  WriteOffsetBytes: WHOLE_NUMBER,
}

/** The value of a parameter in the SDK's type. Throws a Failure if the text is no such value. */
export function toSdkType(name: string, text: string): unknown {
  if (!Object.hasOwn(CONVERSIONS, name)) return text
  const { expected, convert } = CONVERSIONS[name as NotStrings]
  const value = convert(text)
  if (value === undefined) throw new Failure(2, `--param ${name}: Expected ${expected}.`)
  return value
}
