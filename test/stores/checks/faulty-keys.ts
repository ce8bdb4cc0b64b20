/** The first words of keys whose requests the proxy disturbs, and what it does to them. */
export const FAULTS = {
  'complete-answer-lost': 'The first answer to CompleteMultipartUpload is lost',
  'complete-answers-lost': 'Every answer to CompleteMultipartUpload is lost',
  'put-answer-lost': 'The first answer to PutObject is lost',
  'parts-late': 'Every part reaches the store 300 ms after it was sent, even if the client has disconnected',
} as const

export type FaultyKey = keyof typeof FAULTS
