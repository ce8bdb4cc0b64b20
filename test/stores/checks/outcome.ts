/** How a check ended. */
export interface Outcome {
  name: string
  ms: number
  /** Why it failed; absent if it passed. */
  reason?: string
}
