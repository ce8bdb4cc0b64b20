declare module 'stream-chunker' {
  /** A stream of before Node 10: its boundaries hold for `data` events only. */
  export default function chunker(size: number, options?: { flush?: boolean; align?: boolean }): NodeJS.ReadWriteStream
}

declare module 's3rver' {
  interface Options {
    address?: string
    port?: number
    directory?: string
    silent?: boolean
    resetOnClose?: boolean
    configureBuckets?: { name: string }[]
  }
  export default class S3rver {
    constructor(options: Options)
    run(): Promise<{ address: string; port: number }>
    close(): Promise<void>
  }
}
