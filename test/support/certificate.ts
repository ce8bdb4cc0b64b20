import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** A certificate for this machine, made anew for each run, under the names that MinIO looks for. */
export interface Certificate {
  folder: string
  cert: string
  key: string
}

export async function makeCertificate(folder: string, addresses = ['127.0.0.1']): Promise<Certificate> {
  const names = [{ type: 2 as const, value: 'localhost' }, ...addresses.map((ip) => ({ type: 7 as const, ip }))]
  const { cert, private: secret } = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: names },
    ],
  })
  mkdirSync(folder, { recursive: true })
  const made = {
    folder,
    cert: join(folder, 'public.crt'),
    key: join(folder, 'private.key'),
  }
  writeFileSync(made.cert, cert)
  writeFileSync(made.key, secret)
  return made
}
