import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { flags } from './shell.js'

/** Which S3, and as whom. What is left out comes from the environment and the profiles, as for any program of the SDK. */
export interface ClientOptions {
  region?: string
  endpointUrl?: string
  profile?: string
  signRequest: boolean
  pathStyle?: boolean
}

/** The same options as they are given to the command, for one that is to be pasted. */
export function clientArguments(options: ClientOptions): string[] {
  const { region, endpointUrl, profile, signRequest, pathStyle } = options
  const given = flags({ region, 'endpoint-url': endpointUrl, profile })
  return [...given, ...(signRequest ? [] : ['--no-sign-request']), ...(pathStyle ? ['--path-style'] : [])]
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
