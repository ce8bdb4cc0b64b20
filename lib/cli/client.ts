import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { formatOptions } from './shell.js'

/** Server and credentials. The SDK reads whatever is undefined from the environment and the profiles, as usual. */
export interface ClientOptions {
  region?: string
  endpointUrl?: string
  profile?: string
  signRequest: boolean
  pathStyle?: boolean
}

/** The same options as command-line arguments, for a command that the user pastes into a shell. */
export function clientArguments(options: ClientOptions): string[] {
  const { region, endpointUrl, profile, signRequest, pathStyle } = options
  const withValues = formatOptions({ region, 'endpoint-url': endpointUrl, profile })
  return [...withValues, ...(signRequest ? [] : ['--no-sign-request']), ...(pathStyle ? ['--path-style'] : [])]
}

export function makeClient({ region, endpointUrl, profile, signRequest, pathStyle }: ClientOptions): S3Client {
  const config: S3ClientConfig = {
    ...(region === undefined ? {} : { region }),
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
    ...(profile === undefined ? {} : { profile }),
    ...(pathStyle === undefined ? {} : { forcePathStyle: pathStyle }),
  }
  if (signRequest) return new S3Client(config)
  return new S3Client({
    ...config,
    credentials: { accessKeyId: '', secretAccessKey: '' },
    signer: { sign: async (request) => request },
  })
}
