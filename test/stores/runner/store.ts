import type { Certificate } from '../../support/certificate.js'
import type { Setting } from '../checks/setting.js'

/** An S3-compatible store: one that installs by name from a package registry, or one that is played. */
export interface Store {
  /** What the store is called on the command line of `npm run stores`. */
  name: string
  title: string
  /** The version that the limits were seen with, or the month of the rules by which the store is played. */
  version: string
  /** The client's options without which the stream does not work on this store. */
  client?: Setting['client']
  /** What every bucket's name ends with. */
  bucketSuffix?: string
  /**
   * Run the store in a network of its own, because it listens on every interface of the machine.
   * @default false
   */
  ownNetwork?: boolean
  /** What the store cannot do. These checks are run, and the run fails if one of them passes. */
  limits: Limit[]
  /** Installs the store into the folder, unless it is there. */
  install: (folder: string) => void
  start: (place: Place) => Promise<RunningStore>
}

/** One thing that a store cannot do. */
export interface Limit {
  /** What the store does or answers instead. */
  answer: string
  /** The names of the checks that fail because of it. */
  checks: string[]
  /**
   * Whether it depends on the timing, so that these checks may also pass.
   * @default false
   */
  sometimes?: boolean
}

/** Where a store runs. */
export interface Place {
  /** The folder into which the store was installed. */
  installed: string
  /** An empty folder for the data, which is removed when the store has stopped. */
  data: string
  /** The file for the store's output. */
  log: string
  certificate: Certificate
}

export interface RunningStore {
  endpoint: string
  accessKeyId: string
  secretAccessKey: string
  stop: () => Promise<void>
}

/** The keys of the stores that let the user choose them. */
export const KEYS = { accessKeyId: 'stores-key', secretAccessKey: 'only-for-tests' }
