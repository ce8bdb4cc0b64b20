import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate, type SelfsignedOptions } from 'selfsigned'

/** A self-signed certificate for this machine: the files `public.crt` and `private.key`, as MinIO expects them. */
export interface Certificate {
  folder: string
  /** The path of the certificate's file. */
  cert: string
  /** The path of the private key's file. */
  key: string
}

/** Makes a new certificate, with this name and these further options, and writes it into this folder. */
export async function makeCertificate(
  folder: string,
  addresses = ['127.0.0.1'],
  { commonName = 'localhost', ...options }: SelfsignedOptions & { commonName?: string } = {},
): Promise<Certificate> {
  const names = [{ type: 2 as const, value: 'localhost' }, ...addresses.map((ip) => ({ type: 7 as const, ip }))]
  const { cert, private: privateKey } = await generate([{ name: 'commonName', value: commonName }], {
    algorithm: 'sha256',
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: names },
    ],
    ...options,
  })
  mkdirSync(folder, { recursive: true })
  const certificate = {
    folder,
    cert: join(folder, 'public.crt'),
    key: join(folder, 'private.key'),
  }
  writeFileSync(certificate.cert, cert)
  writeFileSync(certificate.key, privateKey)
  return certificate
}
