import type { AgentOptions } from 'node:https'
import { createSecureContext } from 'node:tls'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { nameBucketRegion } from './bucket-region.js'
import { Failure } from './failure.js'
import { isUrl } from './parse.js'
import { environment, loadProfile, type Profile } from './profile.js'
import { formatOptions } from './shell.js'
import { type TlsOptions, tlsSettings } from './tls.js'

/** Server and credentials. Whatever is undefined comes from the environment and the profiles, as in the AWS CLI. */
export interface ClientOptions extends TlsOptions {
  region?: string
  endpointUrl?: string
  profile?: string
  signRequest: boolean
  pathStyle?: boolean
  /** How many threads send the requests; by default, or with 0, the one that reads the input. */
  threads?: number
}

/** The same options as command-line arguments, for a command that the user pastes into a shell. */
export function clientArguments(options: ClientOptions): string[] {
  const { region, endpointUrl, profile, caBundle, verifySsl, signRequest, pathStyle } = options
  return [
    ...formatOptions({ region, 'endpoint-url': endpointUrl, profile, 'ca-bundle': caBundle }),
    ...(verifySsl === false ? ['--no-verify-ssl'] : []),
    ...(signRequest ? [] : ['--no-sign-request']),
    ...(pathStyle ? ['--path-style'] : []),
  ]
}

/**
 * Makes the client. The SDK reads most settings itself; what is set here are the settings that the AWS CLI knows and the
 * SDK ignores, or reads from another profile than the one of `--profile`.
 */
export async function makeClient(options: ClientOptions): Promise<S3Client> {
  const profile = await loadProfile(options.profile)
  const { name, settings } = profile
  const endpoint = options.endpointUrl ?? configuredEndpoint(profile)
  const region =
    options.region ?? (environment('AWS_REGION') === undefined ? environment('AWS_DEFAULT_REGION') : undefined)
  const httpsAgent = tlsSettings(options, profile)
  const config: S3ClientConfig = {
    ...(region === undefined ? {} : { region }),
    // The SDK would look for endpoint_url in another profile than the one of --profile.
    ...(endpoint === undefined ? { ignoreConfiguredEndpointUrls: true } : { endpoint }),
    ...(name === undefined ? {} : { profile: name }),
    requestHandler: await makeRequestHandler(options, httpsAgent),
    forcePathStyle: options.pathStyle ?? settings['s3.addressing_style'] === 'path',
    ...(isTrue(settings['s3.use_accelerate_endpoint']) ? { useAccelerateEndpoint: true } : {}),
    ...(isTrue(settings['s3.use_dualstack_endpoint']) ? { useDualstackEndpoint: true } : {}),
    logger: SILENT,
    ...authentication(options),
  }
  const client = new S3Client(config)
  nameBucketRegion(client)
  return client
}

async function makeRequestHandler(
  { threads = 0 }: ClientOptions,
  httpsAgent: AgentOptions = {},
): Promise<NonNullable<S3ClientConfig['requestHandler']>> {
  if (threads > 0) {
    const { ThreadedHandler } = await import('../threads/index.js')
    // The other thread has nothing to do but to feed this one.
    return new ThreadedHandler({ threads, priority: 0, httpsAgent })
  }
  // With the option `ca` alone, Node would parse the bundle for every connection: 35 ms for that of a Linux distribution.
  const { ca } = httpsAgent
  return { httpsAgent: ca === undefined ? httpsAgent : { secureContext: createSecureContext({ ca }) } }
}

/** Without a logger the SDK warns on the console about keys in the environment if there is a profile too. */
const silent = (): void => {}
const SILENT = { debug: silent, info: silent, warn: silent, error: silent }

/** As in the AWS CLI, keys in the environment take precedence over AWS_PROFILE, but not over `--profile`. */
function authentication({ signRequest, profile }: ClientOptions): Pick<S3ClientConfig, 'credentials' | 'signer'> {
  if (!signRequest) {
    return {
      credentials: { accessKeyId: '', secretAccessKey: '' },
      signer: { sign: async (request) => request },
    }
  }
  const [accessKeyId, secretAccessKey, sessionToken] = [
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
  ].map(environment)
  if (profile !== undefined || accessKeyId === undefined || secretAccessKey === undefined) return {}
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html */
function configuredEndpoint({ settings, services }: Profile): string | undefined {
  const ignored = environment('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS') ?? settings.ignore_configured_endpoint_urls
  if (isTrue(ignored)) return undefined
  const sources = {
    AWS_ENDPOINT_URL_S3: environment('AWS_ENDPOINT_URL_S3'),
    AWS_ENDPOINT_URL: environment('AWS_ENDPOINT_URL'),
    'endpoint_url of the section services': services['s3.endpoint_url'],
    'endpoint_url of the profile': settings.endpoint_url,
  }
  const [source, url] = Object.entries(sources).find(([, url]) => url !== undefined) ?? []
  if (url === undefined || isUrl(url)) return url
  throw new Failure(2, `${source} is ${JSON.stringify(url)}. Expected a URL such as https://s3.example.com.`)
}

function isTrue(setting: string | undefined): boolean {
  return setting?.toLowerCase() === 'true'
}
