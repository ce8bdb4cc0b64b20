import type { Limit } from './store.js'

/** The names of the two checks of a fact, with a small object and with a large one. */
export function atBothSizes(fact: string): string[] {
  return [`${fact}, small object`, `${fact}, large object`]
}

export const ENCRYPTION = atBothSizes('ServerSideEncryption AES256 is kept')
export const CUSTOMER_KEY = atBothSizes("an object is encrypted with the customer's key")
export const TAGGING = atBothSizes('Tagging is kept')

/** What several stores do. */
export const DROPS_ENCRYPTION: Limit = { answer: '`ServerSideEncryption` is dropped', checks: ENCRYPTION }
export const DROPS_CUSTOMER_KEY: Limit = {
  answer: 'SSE-C is dropped: the object is read without the key',
  checks: CUSTOMER_KEY,
}
export const ACCEPTS_ANY_SECRET: Limit = {
  answer: 'any secret key is accepted',
  checks: atBothSizes('a wrong secret is refused'),
}
export const NO_PROOF_WITH_CONDITION: Limit = {
  answer:
    'a large object has neither an ETag by the rule of AWS nor a checksum: after a lost answer, nothing proves with `IfNoneMatch` that the object is not that of another writer',
  checks: ['Complete with IfNoneMatch whose first answer is lost succeeds'],
}
