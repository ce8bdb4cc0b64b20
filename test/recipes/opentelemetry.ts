/**
 * Uploads standard input and traces it with OpenTelemetry: the requests are children of the span that is active when the
 * stream is made, whoever writes to it. Prints the spans as a tree. Usage: opentelemetry BUCKET KEY
 */
import { pipeline } from 'node:stream/promises'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { AwsInstrumentation } from '@opentelemetry/instrumentation-aws-sdk'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

// In production, an exporter that sends the spans to a collector.
const exporter = new InMemorySpanExporter()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
registerInstrumentations({ instrumentations: [new AwsInstrumentation()] })
// The instrumentation changes only modules that are loaded after it.
const { S3Client } = await import('@aws-sdk/client-s3')
const { s3Writable } = await import('s3-writable')

const [Bucket = '', Key = ''] = process.argv.slice(2)

await trace.getTracer('backup').startActiveSpan('store the backup', async (span) => {
  try {
    const upload = s3Writable({ client: new S3Client(), Bucket, Key, partSize: 5 * 1024 * 1024 })
    // If the source fails, this rejects at once. done() rejects with the same error when the parts have been removed.
    await pipeline(process.stdin, upload).catch(() => {})
    await upload.done()
  } catch (error) {
    console.error((error as Error).message)
    span.recordException(error as Error)
    span.setStatus({ code: SpanStatusCode.ERROR })
    process.exitCode = 1
  } finally {
    span.end()
  }
})

function print(parent: ReadableSpan | undefined, indent = ''): void {
  for (const span of exporter.getFinishedSpans()) {
    if (span.parentSpanContext?.spanId !== parent?.spanContext().spanId) continue
    console.log(`${indent}${span.name}`)
    print(span, `${indent}  `)
  }
}
print(undefined)
