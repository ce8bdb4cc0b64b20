import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AgentOptions } from 'node:https'
import { Failure } from './failure.js'
import { configPath, environment, type Profile } from './profile.js'

export interface TlsOptions {
  caBundle?: string
  /** @default true */
  verifySsl?: boolean
}

const CERTIFICATE = /-----BEGIN (?<label>(?:TRUSTED |X509 )?CERTIFICATE)-----.*?-----END \k<label>-----/gs

/**
 * How to verify the certificates of servers; undefined for Node's own way. The bundle is that of `--ca-bundle`, of the
 * environment or of the profile, in this order, and it replaces the built-in certificates, as in the AWS CLI.
 */
export function tlsSettings({ caBundle, verifySsl }: TlsOptions, { settings }: Profile): AgentOptions | undefined {
  if (verifySsl === false) {
    if (caBundle === undefined) return { rejectUnauthorized: false }
    throw new Failure(2, '--ca-bundle and --no-verify-ssl exclude each other: leave one out.')
  }
  const sources: [source: string, path: string | undefined][] = [
    ['--ca-bundle', caBundle],
    ['AWS_CA_BUNDLE', environment('AWS_CA_BUNDLE')],
    [`ca_bundle in ${configPath()}`, settings.ca_bundle],
  ]
  const [source, path] = sources.find(([, path]) => path !== undefined) ?? []
  if (source === undefined || path === undefined) return undefined
  return { ca: [readBundle(path, source), ...extraCertificates()] }
}

/** Node ignores whatever is not a certificate, and every server would then be refused without a reason. */
function readBundle(path: string, source: string): string {
  const fail = (why: string): never => {
    throw new Failure(
      2,
      `The file ${JSON.stringify(path)} of ${source} cannot be used as a bundle of certificates: ${why}`,
    )
  }
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    // The message of the system, without the path, which it repeats.
    return fail(`${(error as Error).message.replace(/, \w+(?: '.*')?$/s, '')}.`)
  }
  const certificates = text.match(CERTIFICATE) ?? fail('it has no certificate in PEM format.')
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate)
    } catch (error) {
      fail(`its certificate ${index + 1} of ${certificates.length} is damaged (${(error as Error).message}).`)
    }
  }
  return text
}

/**
 * The certificates of `NODE_EXTRA_CA_CERTS`, which Node does not add to a bundle. Node has already warned about a file
 * that cannot be read. https://nodejs.org/api/cli.html#node_extra_ca_certsfile
 */
function extraCertificates(): string[] {
  const path = environment('NODE_EXTRA_CA_CERTS')
  try {
    return path === undefined ? [] : [readFileSync(path, 'utf8')]
  } catch {
    return []
  }
}
