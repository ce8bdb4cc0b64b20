import { b2 } from './b2.js'
import { ceph } from './ceph.js'
import { directory } from './directory.js'
import { gcs } from './gcs.js'
import { kms } from './kms.js'
import { localstack } from './localstack.js'
import { minio } from './minio.js'
import { ministack } from './ministack.js'
import { oss } from './oss.js'
import { r2 } from './r2.js'
import { rclone } from './rclone.js'
import type { Store } from './runner/store.js'
import { s3mock } from './s3mock.js'
import { s3proxy } from './s3proxy.js'
import { seaweedfs } from './seaweedfs.js'
import { swift } from './swift.js'
import { versitygw } from './versitygw.js'

/** All stores that are tested, in the order of the table. */
export const stores: Store[] = [
  minio,
  versitygw,
  seaweedfs,
  ceph,
  swift,
  rclone,
  localstack,
  s3proxy,
  s3mock,
  ministack,
  r2,
  gcs,
  b2,
  oss,
  directory,
  kms,
]

export function storeNamed(name: string): Store {
  const store = stores.find((one) => one.name === name)
  if (store === undefined) throw new Error(`There is no store ${name}`)
  return store
}
