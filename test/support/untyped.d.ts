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
  /** What the demo uses of Koa's context. */
  export interface Context {
    method: string
    path: string
    query: Record<string, string | undefined>
    status: number
    type: string
    body: unknown
  }
  export default class S3rver {
    constructor(options: Options)
    /** Koa's middleware, called in this order. */
    middleware: ((context: Context, next: () => Promise<void>) => Promise<void>)[]
    run(): Promise<{ address: string; port: number }>
    close(): Promise<void>
  }
}
