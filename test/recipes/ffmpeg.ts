/**
 * Uploads a video while ffmpeg encodes it. If ffmpeg fails or is killed, there is no object. ffmpeg can write a format
 * to a pipe if it need not seek back: WebM, MPEG-TS and fragmented MP4. It refuses to write a plain MP4 to a pipe,
 * because it fills in the index at the end. For MP4, make fragments by `-movflags frag_keyframe+empty_moov`, or write a
 * file first and upload that. Usage: ffmpeg INPUT webm|mpegts|mp4 BUCKET KEY
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'

const FORMATS = {
  webm: { type: 'video/webm', options: ['-c:v', 'libvpx', '-deadline', 'realtime', '-f', 'webm'] },
  mpegts: { type: 'video/mp2t', options: ['-c:v', 'mpeg2video', '-f', 'mpegts'] },
  mp4: { type: 'video/mp4', options: ['-c:v', 'mpeg4', '-movflags', 'frag_keyframe+empty_moov', '-f', 'mp4'] },
}
const [input = '', format = '', Bucket = '', Key = ''] = process.argv.slice(2)
const { type: ContentType, options } = FORMATS[format as keyof typeof FORMATS]
const from = input.startsWith('testsrc') ? ['-f', 'lavfi', '-i', input] : ['-i', input]
const ffmpeg = spawn('ffmpeg', ['-v', 'error', ...from, ...options, 'pipe:1'], { stdio: ['ignore', 'pipe', 'inherit'] })
await once(ffmpeg, 'spawn')
const closed = once(ffmpeg, 'close')
await using upload = s3Writable({
  client: new S3Client(),
  Bucket,
  Key,
  ContentType,
  // When a child process crashes, its stdout simply ends, as on success. Check the exit code in `beforeComplete`.
  beforeComplete: async () => {
    const [code, signal] = await closed
    if (code !== 0) throw new Error(`ffmpeg ended with ${signal ?? `code ${code}`}`)
  },
})
await pipeline(ffmpeg.stdout, upload)
