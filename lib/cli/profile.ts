import { loadSharedConfigFiles } from '@smithy/shared-ini-file-loader'
import { Failure } from './failure.js'

type Settings = Record<string, string | undefined>

/** The profile that applies to this run, from the AWS config file and the credentials file. */
export interface Profile {
  /** Undefined if none is named. Then the settings are those of the profile `default`. */
  name?: string
  /** The settings of both files. A nested setting has its section's name in front, such as `s3.addressing_style`. */
  settings: Settings
  /** The settings of the `services` section that the profile names. */
  services: Settings
}

/** How many profiles a message lists. */
const MAX_LISTED = 20

/** The environment variable's value. An empty one counts as not set, as in the SDK. */
export function environment(name: string): string | undefined {
  return process.env[name] === '' ? undefined : process.env[name]
}

/**
 * Loads the profile of `--profile`, or the one that the environment names, or `default`. A profile that is named must
 * exist: otherwise the SDK would search for credentials elsewhere, such as in the role of the machine.
 * https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html
 */
export async function loadProfile(option: string | undefined): Promise<Profile> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles()
  const variable = ['AWS_PROFILE', 'AWS_DEFAULT_PROFILE'].find((name) => environment(name) !== undefined)
  const name = option ?? (variable === undefined ? undefined : process.env[variable])
  const find = (file: Record<string, Settings>): Settings => own(file, name ?? 'default') ?? {}
  const settings = { ...find(credentialsFile), ...find(configFile) }
  if (name !== undefined && name !== 'default' && Object.keys(settings).length === 0) {
    throw missingProfile(name, option === undefined ? variable : '--profile', { ...configFile, ...credentialsFile })
  }
  return { ...(name === undefined ? {} : { name }), settings, services: findServices(settings, configFile) }
}

function findServices({ services }: Settings, configFile: Record<string, Settings>): Settings {
  if (services === undefined) return {}
  const section = own(configFile, `services.${services}`)
  if (section !== undefined) return section
  throw new Failure(2, `The profile names the section [services ${services}], which does not exist in ${configPath()}.`)
}

function missingProfile(name: string, source: string | undefined, sections: object): Failure {
  const profiles = Object.keys(sections).filter((section) => !/^(sso-session|services)\./.test(section))
  const more = profiles.length > MAX_LISTED ? ` and ${profiles.length - MAX_LISTED} more` : ''
  const listed =
    profiles.length === 0
      ? 'There is no profile in these files, or they cannot be read.'
      : `The profiles there are: ${profiles.slice(0, MAX_LISTED).join(', ')}${more}.`
  const credentialsPath = environment('AWS_SHARED_CREDENTIALS_FILE') ?? '~/.aws/credentials'
  return new Failure(
    2,
    `The profile ${JSON.stringify(name)} of ${source} does not exist in ${configPath()} or ${credentialsPath}. ${listed}`,
  )
}

/** The path of the config file, for a message. */
export function configPath(): string {
  return environment('AWS_CONFIG_FILE') ?? '~/.aws/config'
}

/** A profile may have the name of a method, such as `toString`. */
function own(sections: Record<string, Settings>, name: string): Settings | undefined {
  return Object.hasOwn(sections, name) ? sections[name] : undefined
}
