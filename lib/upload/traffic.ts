/**
 * What all streams of one client have in common: they share its connections and its link, so that a stream that grows
 * could only take from the others.
 */
export interface Traffic {
  /** The bytes of parts that S3 has acknowledged. */
  stored: number
  /** How often an upload has begun or ended. */
  changes: number
  /**
   * Until when, in ms, one of the streams may try another number of parts in flight, while the others wait with theirs. In
   * the past if none tries. A stream whose source pauses during a trial does not keep the others waiting for longer.
   */
  tryingUntil: number
}

const trafficOf = new WeakMap<object, Traffic>()

/** The traffic of this client, the same object for each of its streams. */
export function sharedTraffic(client: object): Traffic {
  const traffic = trafficOf.get(client) ?? { stored: 0, changes: 0, tryingUntil: 0 }
  trafficOf.set(client, traffic)
  return traffic
}
