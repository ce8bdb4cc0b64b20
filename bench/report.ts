import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { MiB } from '../test/support/bytes.js'
import { type Case, oursOf, type Target } from './cases.js'
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
  ['parts', 'parts in flight', (value) => value.toFixed(0)],
  ['settledParts', 'parts in flight once settled', (value) => value.toFixed(0)],
]
/** These have columns only in the tables of the cases that are about them. */
const PARTS: (keyof Measured)[] = ['parts', 'settledParts']

export function machine(): string {
  const [first] = cpus()
  const packages = ['@aws-sdk/client-s3', '@aws-sdk/lib-storage', 'minio'].map((name) => `${name} ${version(name)}`)
  return `${cpus().length} × ${first?.model}, ${process.platform}, Node ${process.version}, ${packages.join(', ')}`
}

/** A table of the figures: the median, the spread of the speed, and how many times each speed ours is. */
export function table({ it, MiB, outcome }: Ran): string {
  const ours = outcome[oursOf(it)] as Figures
  const columns = COLUMNS.filter(([key]) => it.showsParts || !PARTS.includes(key))
  const head = ['', ...columns.map(([, title]) => title), 'ours is']
  const rows = Object.entries(outcome).map(([name, figures]) => [
    name,
    ...columns.map(([key, , format]) => withSpread(figures[key], format, key === 'speed')),
    figures === ours ? '' : `${ratio(ours.speed, figures.speed).toFixed(2)} ×`,
  ])
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return [`### ${it.title}, ${MiB.toFixed(0)} MiB`, '', ...lines, ''].join('\n')
}

function withSpread({ median, min, max }: Spread, format: (value: number) => string, spread: boolean): string {
  return spread ? `${format(median)} (${format(min)}–${format(max)})` : format(median)
}

export function verdicts({ it, outcome }: Ran): Verdict[] {
  const ours = outcome[oursOf(it)] as Figures
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

function version(name: string): string {
  return createRequire(import.meta.url)(`${name}/package.json`).version
}
