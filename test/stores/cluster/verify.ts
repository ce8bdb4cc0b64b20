import { GetObjectCommand, ListMultipartUploadsCommand, ListPartsCommand, type S3Client } from '@aws-sdk/client-s3'
import { S3WritableError } from 's3-writable'
import { sha256 } from '../../support/bytes.js'
import type { ClusterUpload, Failure } from './uploads.js'

/** What the uploads are verified with. */
export interface Witness {
  Bucket: string
  /** A client for each node: MinIO lists the unfinished uploads that the drive of the asked node has. */
  clients: S3Client[]
  /**
   * The `UploadId`s for which Abort was answered with 204, and ListParts then with 404. If one exists later, MinIO reached
   * only half of the drives when it removed the upload and did not report that.
   */
  removed: Set<string>
}

export interface Remarks {
  violations: string[]
  /** What is left although the promise was kept. */
  notes: string[]
}

/** Verifies that an upload made exactly its object, or nothing that its error does not name. */
export async function verifyUpload(upload: ClusterUpload, witness: Witness): Promise<Remarks> {
  const remarks: Remarks = { violations: [], notes: [] }
  if (upload.outcome === undefined) {
    remarks.violations.push(`${upload.Key}: did not end in time`)
    return remarks
  }
  await verifyObject(upload, witness, remarks)
  for (const UploadId of await listedUploads(upload.Key, witness)) {
    await verifyUnfinished(upload, UploadId, witness, remarks)
  }
  return remarks
}

async function verifyObject(upload: ClusterUpload, witness: Witness, remarks: Remarks): Promise<void> {
  const { Key, data, outcome, error, sourceError } = upload
  const stored = await storedObject(Key, witness)
  const isRight = stored !== undefined && stored.length === data.length && sha256(stored) === sha256(data)
  if (outcome === 'finished') {
    if (!isRight) remarks.violations.push(`${Key}: finished, but its object is ${stored ? 'wrong' : 'missing'}`)
    return
  }
  const failure = error as Failure
  if (failure !== sourceError && !(failure instanceof S3WritableError)) {
    remarks.violations.push(`${Key}: failed with an error of another class: ${failure.stack}`)
  }
  if (stored === undefined) return
  const where = `${Key}: failed (${describe(failure)}), and there is an object`
  if (!isRight) remarks.violations.push(`${where} of other bytes`)
  else if (failure.objectMayExist) remarks.notes.push('its error says that the object may exist, and it does')
  else remarks.violations.push(`${where} of its bytes`)
}

async function verifyUnfinished(
  { Key, UploadId: ownId, error, leavePartsOnError }: ClusterUpload,
  UploadId: string,
  { clients, Bucket, removed }: Witness,
  remarks: Remarks,
): Promise<void> {
  const parts = await partsOf(clients[0] as S3Client, { Bucket, Key, UploadId })
  if (parts === undefined) {
    // The drive's node was down when the upload ended. MinIO removes such a remainder after a day.
    remarks.notes.push('a drive still lists an upload that no longer exists')
    return
  }
  const isNamed = error?.UploadId === UploadId
  // The error of a source has no UploadId of its own, only that of its cleanupError.
  if (error?.cleanupError?.message.includes(UploadId)) remarks.notes.push('cleanupError names what is left')
  else if (isNamed && error.objectMayExist) remarks.notes.push('objectMayExist, so its upload is left')
  else if (isNamed && leavePartsOnError) remarks.notes.push('leavePartsOnError')
  else if (removed.has(UploadId)) remarks.notes.push('MinIO removed an upload, and has it again')
  else if (UploadId !== ownId && parts === 0) remarks.notes.push("an upload is empty because Create's answer was lost")
  else {
    const how = error === undefined ? 'finished' : `failed (${describe(error)})`
    remarks.violations.push(`${Key}: ${how}, and the upload ${UploadId} is left with ${parts} parts`)
  }
}

/** The messages of an error and of its clean-up. */
export function describe({ code, message, cleanupError }: Failure): string {
  return [code, message, cleanupError?.message].filter((text) => text !== undefined).join('; ')
}

async function storedObject(Key: string, { Bucket, clients }: Witness): Promise<Uint8Array | undefined> {
  try {
    const { Body } = await (clients[0] as S3Client).send(new GetObjectCommand({ Bucket, Key }))
    return await Body?.transformToByteArray()
  } catch (error) {
    if ((error as Failure).name === 'NoSuchKey') return undefined
    throw error
  }
}

/** The ids of the uploads of this key that any node lists. */
async function listedUploads(Key: string, { Bucket, clients }: Witness): Promise<Set<string>> {
  const command = new ListMultipartUploadsCommand({ Bucket, Prefix: Key })
  const lists = await Promise.all(clients.map((client) => client.send(command)))
  return new Set(lists.flatMap(({ Uploads = [] }) => Uploads.map(({ UploadId }) => UploadId as string)))
}

/** How many parts an upload has; undefined if it does not exist. */
async function partsOf(
  client: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
): Promise<number | undefined> {
  try {
    const { Parts = [] } = await client.send(new ListPartsCommand(upload))
    return Parts.length
  } catch (error) {
    if ((error as Failure).name === 'NoSuchUpload') return undefined
    throw error
  }
}
