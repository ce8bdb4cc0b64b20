import { createHash } from 'node:crypto'
import { playedStore } from './played/played-store.js'
import { CHECKSUM_HEADER, CHECKSUM_IN_ANSWER } from './played/rules.js'
import { NO_PROOF_WITH_CONDITION } from './runner/limits.js'

/**
 * Alibaba Cloud OSS. An ETag is in capitals, and that of an object of parts follows a rule of its own:
 * https://www.alibabacloud.com/help/en/oss/developer-reference/completemultipartupload
 */
export const oss = playedStore(
  {
    name: 'oss',
    title: 'Alibaba Cloud OSS',
    limits: [NO_PROOF_WITH_CONDITION],
  },
  {
    ignores: (header) => CHECKSUM_HEADER.test(header),
    hides: CHECKSUM_IN_ANSWER,
    ETag: (ETag) => {
      const [md5 = '', parts] = ETag.split('-')
      if (parts === undefined) return md5.toUpperCase()
      return `${createHash('md5').update(`${md5} by a rule of its own`).digest('hex').toUpperCase()}-${parts}`
    },
  },
)
