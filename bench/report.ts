import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { join } from 'node:path'
import * as echarts from 'echarts'
import { MiB } from '../test/support/bytes.js'
import type { Case, Target } from './cases.js'
import type { Measured } from './measure.js'
import { type Figures, type Outcome, ratio, type Spread } from './runner.js'

export interface Ran {
  it: Case
  MiB: number
  outcome: Outcome
}

/** A target and the measured figure. */
export interface Verdict {
  title: string
  target: Target
  measured: number
  holds: boolean
  /** Whether the figure is at most half as good as the target, which a noisy machine cannot explain. */
  farOff: boolean
}

const COLUMNS: [key: keyof Measured, title: string, format: (value: number) => string][] = [
  ['speed', 'MiB/s', (value) => value.toFixed(value < 10 ? 2 : 0)],
  ['cpu', 'CPU s a GiB', (value) => value.toFixed(2)],
  ['rss', 'RSS, MiB', (value) => (value / MiB).toFixed(0)],
  ['arrayBuffers', 'array buffers, MiB', (value) => (value / MiB).toFixed(0)],
  ['stall', 'longest stall, ms', (value) => value.toFixed(0)],
  ['connections', 'connections', (value) => value.toFixed(0)],
  ['copies', 'copies of a byte', (value) => value.toFixed(2)],
]

export function machine(): string {
  const [first] = cpus()
  const packages = ['@aws-sdk/client-s3', '@aws-sdk/lib-storage', 'minio'].map((name) => `${name} ${version(name)}`)
  return `${cpus().length} × ${first?.model}, ${process.platform}, Node ${process.version}, ${packages.join(', ')}`
}

/** A table of every figure: the median, the spread of the speed, and how many times each speed ours is. */
export function table({ it, MiB, outcome }: Ran): string {
  const ours = outcome['s3-writable'] as Figures
  const head = ['', ...COLUMNS.map(([, title]) => title), 'ours is']
  const rows = Object.entries(outcome).map(([name, figures]) => [
    name,
    ...COLUMNS.map(([key, , format]) => withSpread(figures[key], format, key === 'speed')),
    figures === ours ? '' : `${ratio(ours.speed, figures.speed).toFixed(2)} ×`,
  ])
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return [`### ${it.title}, ${MiB.toFixed(0)} MiB`, '', ...lines, ''].join('\n')
}

function withSpread({ median, min, max }: Spread, format: (value: number) => string, spread: boolean): string {
  return spread ? `${format(median)} (${format(min)}–${format(max)})` : format(median)
}

export function verdicts({ it, outcome }: Ran): Verdict[] {
  const ours = outcome['s3-writable'] as Figures
  return it.targets.flatMap((target) => {
    const other = target.against && outcome[target.against]
    if (target.against !== undefined && other === undefined) return []
    const figure = ours[target.of]
    const measured = other === undefined ? figure.median : ratio(figure, other[target.of])
    const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = target
    return {
      title: it.title,
      target,
      measured,
      holds: measured >= atLeast && measured <= atMost,
      farOff: measured < atLeast / 2 || measured > atMost * 2,
    }
  })
}

export function verdictLine({ title, target, measured, holds }: Verdict): string {
  const { of, against, atLeast, atMost } = target
  const unit = (value: number): string => {
    if (against !== undefined) return `${value.toFixed(2)} ×`
    return (COLUMNS.find(([key]) => key === of)?.[2] ?? String)(value)
  }
  const bound = atLeast === undefined ? `at most ${unit(atMost ?? 0)}` : `at least ${unit(atLeast)}`
  const column = COLUMNS.find(([key]) => key === of)?.[1]
  const what = against === undefined ? column : `${column} against ${against}`
  return `| ${title} | ${what} | ${bound} | ${unit(measured)} | ${holds ? 'yes' : 'no'} |`
}

/** Writes the results as JSON, and the charts. */
export function write(folder: string, ran: Ran[], facts: object): void {
  mkdirSync(folder, { recursive: true })
  const results = ran.map(({ it, MiB, outcome }) => ({ title: it.title, MiB, outcome }))
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ ...facts, results }, undefined, 1)}\n`)
  writeFileSync(join(folder, 'speed.svg'), chart(ran, 'speed', 'MiB/s, more is better', 1))
  writeFileSync(join(folder, 'cpu.svg'), chart(ran, 'cpu', 'CPU seconds a GiB, less is better', 1))
  writeFileSync(join(folder, 'memory.svg'), chart(ran, 'rss', 'growth of RSS, MiB, less is better', MiB))
}

function chart(ran: Ran[], key: keyof Measured, title: string, unit: number): string {
  const names = ['s3-writable', 'Upload', 'Upload behind a PassThrough'] as const
  const shown = ran.filter(({ outcome }) => names.filter((name) => outcome[name] !== undefined).length > 1)
  const size = { width: 900, height: 90 + 62 * shown.length }
  const image = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size })
  image.setOption({
    animation: false,
    backgroundColor: '#fff',
    color: ['#0b7285', '#adb5bd', '#dee2e6'],
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 0, itemGap: 30, data: [...names] },
    grid: { left: 240, right: 50, top: 40, bottom: 60 },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', inverse: true, data: shown.map(({ it }) => it.title) },
    series: names.map((name) => ({
      name,
      type: 'bar',
      label: { show: true, position: 'right' },
      data: shown.map(({ outcome }) => rounded(outcome[name]?.[key].median, unit)),
    })),
  })
  const svg = image.renderToSVGString()
  // Otherwise its timer keeps the process alive.
  image.dispose()
  return svg
}

function rounded(value: number | undefined, unit: number): number | string {
  if (value === undefined) return '-'
  return Number((value / unit).toPrecision(3))
}

function version(name: string): string {
  return createRequire(import.meta.url)(`${name}/package.json`).version
}
