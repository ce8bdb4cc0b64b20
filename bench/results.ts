import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MiB } from '../test/support/bytes.js'
import type { ContenderName, Link } from './cases.js'
import { chart } from './chart.js'
import { nameOf, rateOf } from './link-cases.js'
import type { Measured } from './measure.js'
import type { Ran } from './report.js'
import type { Outcome } from './runner.js'
import type { ServerRan } from './server.js'
import { SERVER_MIB, type ServerFigure, type Uploader } from './server-cases.js'

const FOLDER = 'bench/results'

/** When, how and where something was measured. */
export interface Facts {
  date: string
  command: string
  machine: string
  rounds: number
}

/** Writes the results of the cases on the loopback as JSON, and their charts. */
export function write(ran: Ran[], facts: Facts): void {
  const results = ran.map(({ it, MiB, outcome }) => ({ title: it.title, MiB, outcome }))
  save('results.json', json({ ...facts, results }))
  save('speed.svg', casesChart(ran, 'speed', 'MiB/s, more is better', 1))
  save('cpu.svg', casesChart(ran, 'cpu', 'CPU seconds a GiB, less is better', 1))
  save('memory.svg', casesChart(ran, 'rss', 'growth of RSS, MiB, less is better', MiB))
}

/** The results of one link. Each link is measured by a run of its own. */
interface LinkResults extends Facts {
  link: Link
  MiB: number
  outcome: Outcome
}

/** Writes the results of links beside those of the links that were measured before, and a chart of them all. */
export function writeLinks(ran: Ran[], facts: Facts): void {
  const file = join(FOLDER, 'links.json')
  const before: LinkResults[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).results : []
  const now = ran.flatMap(({ it: { link }, MiB, outcome }) => (link ? [{ link, ...facts, MiB, outcome }] : []))
  const measured = now.map(({ link }) => nameOf(link))
  const results = [...before.filter(({ link }) => !measured.includes(nameOf(link))), ...now].toSorted(
    (a, b) => b.link.mbit - a.link.mbit || a.link.rtt - b.link.rtt,
  )
  save('links.json', json({ results }))
  save('links.svg', linksChart(results))
}

const CASES_SHOWN: [name: ContenderName, colour: string][] = [
  ['s3-writable', '#0b7285'],
  ['Upload', '#adb5bd'],
  ['Upload behind a PassThrough', '#dee2e6'],
]
const LINKS_SHOWN: [name: ContenderName, colour: string][] = [
  ['s3-writable, auto', '#0b7285'],
  ['s3-writable', '#22b8cf'],
  ['s3-writable, 16', '#99e9f2'],
  ['Upload', '#adb5bd'],
  ['Upload, 16', '#dee2e6'],
]

/** Writes the results of a server under upload, and a chart of how it answers. */
export function writeServer(ran: ServerRan[], facts: Facts): void {
  save('server.json', json({ ...facts, MiB: SERVER_MIB, results: ran }))
  save('server.svg', serverChart(ran))
}

const UPLOADERS_SHOWN: [name: Uploader, colour: string][] = [
  ['s3-writable, thread', '#0b7285'],
  ['s3-writable', '#22b8cf'],
  ['Upload', '#adb5bd'],
  ['no upload', '#dee2e6'],
]
/** In ms. */
const DELAYS_SHOWN: [of: ServerFigure, title: string][] = [
  ['p50', 'median'],
  ['p99', '99th percentile'],
]

function serverChart(ran: ServerRan[]): string {
  const groups = ran
    .filter(({ it }) => it.serves)
    .flatMap(({ it, outcome }) => DELAYS_SHOWN.map(([of, title]) => ({ title: `${it.title}, ${title}`, of, outcome })))
  return chart({
    title: 'how long a server takes to answer during an upload, ms, less is better',
    categories: groups.map(({ title }) => title),
    series: UPLOADERS_SHOWN.map(([name, colour]) => ({
      name,
      colour,
      values: groups.map(({ of, outcome }) => rounded(outcome[name]?.[of]?.median, 1)),
    })),
    height: 90,
  })
}

function casesChart(ran: Ran[], key: keyof Measured, title: string, unit: number): string {
  const shown = ran.filter(({ outcome }) => CASES_SHOWN.filter(([name]) => outcome[name] !== undefined).length > 1)
  return chart({
    title,
    categories: shown.map(({ it }) => it.title),
    series: CASES_SHOWN.map(([name, colour]) => ({
      name,
      colour,
      values: shown.map(({ outcome }) => rounded(outcome[name]?.[key].median, unit)),
    })),
    height: 62,
  })
}

/** The bars are shares of each link's rate, because one axis of MiB/s would hide the slow links. */
function linksChart(results: LinkResults[]): string {
  const speeds = (name: ContenderName): (number | undefined)[] =>
    results.map(({ outcome }) => outcome[name]?.speed.median)
  return chart({
    title: 'speed as % of what the link carries, labelled in MiB/s, more is better',
    categories: results.map(({ link }) => nameOf(link)),
    series: LINKS_SHOWN.map(([name, colour]) => ({
      name,
      colour,
      values: speeds(name).map((speed, i) => rounded(speed, rateOf((results[i] as LinkResults).link) / 100)),
      labels: speeds(name).map((speed) => String(rounded(speed, 1) ?? '')),
    })),
    most: 100,
    height: 110,
  })
}

function rounded(value: number | undefined, unit: number): number | undefined {
  return value === undefined ? undefined : Number((value / unit).toPrecision(3))
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 1)}\n`
}

function save(name: string, content: string): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, name), content)
}
