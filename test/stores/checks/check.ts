/** The checks of one topic. Each is named by the fact that it proves, and fails by throwing. */
export type Checks = Record<string, () => Promise<unknown>>
