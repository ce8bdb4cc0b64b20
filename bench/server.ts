import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ratio, type Spread, spread, type Where } from './runner.js'
import {
  FIGURES,
  GOALS,
  OURS,
  SERVER_CASES,
  SERVER_MIB,
  type ServerCase,
  type ServerFigure,
  type ServerGoal,
  type ServerMeasured,
  UPLOADERS,
  type Uploader,
} from './server-cases.js'

export type ServerFigures = Partial<Record<ServerFigure, Spread>>

export interface ServerRan {
  it: ServerCase
  outcome: Partial<Record<Uploader, ServerFigures>>
}

/** Why a server under upload cannot be measured here; undefined if it can. */
export function noServer(): string | undefined {
  return existsSync('/proc/self/task') ? undefined : 'the CPU time of a thread is read from /proc, which only Linux has'
}

/** Runs every case with every uploader in turn, round after round, each time in a fresh process that has all cores. */
export async function benchServer(where: Where, rounds: number): Promise<ServerRan[]> {
  const runs = SERVER_CASES.map((it) => ({ it, measured: new Map<Uploader, ServerMeasured[]>() }))
  for (let round = 0; round < rounds; round++) {
    for (const { it, measured } of runs) {
      for (const uploader of UPLOADERS) {
        if (uploader === 'no upload' && !it.serves) continue
        measured.set(uploader, [...(measured.get(uploader) ?? []), await run(uploader, it, where)])
      }
    }
  }
  return runs.map(({ it, measured }) => ({
    it,
    outcome: Object.fromEntries([...measured].map(([uploader, all]) => [uploader, figuresOf(all)])),
  }))
}

/** Two tables: the figures, and the goals with what was measured. */
export function serverTables(ran: ServerRan[]): string {
  return [...ran.map(figuresTable), goalsTable(ran)].join('\n')
}

async function run(uploader: Uploader, it: ServerCase, { endpoint, env }: Where): Promise<ServerMeasured> {
  const program = join(import.meta.dirname, 'server-client.js')
  const args = [program, uploader, JSON.stringify(it), endpoint, String(SERVER_MIB)]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
  })
  return JSON.parse(stdout)
}

function figuresOf(all: ServerMeasured[]): ServerFigures {
  const keys = Object.keys(all[0] as ServerMeasured) as ServerFigure[]
  return Object.fromEntries(keys.map((key) => [key, spread(all.map((one) => one[key] as number))]))
}

function figuresTable({ it, outcome }: ServerRan): string {
  const columns = FIGURES.filter(([of]) => Object.values(outcome).some((figures) => figures[of] !== undefined))
  const rows = Object.entries(outcome).map(([uploader, figures]) => [
    uploader,
    ...columns.map(([of, , format]) => (figures[of] === undefined ? '' : format(figures[of].median))),
  ])
  return markdown([it.title, ...columns.map(([, title]) => title)], rows)
}

function goalsTable(ran: ServerRan[]): string {
  const rows = ran.flatMap(({ it, outcome }) =>
    GOALS.flatMap((goal) => {
      const measured = measuredOf(goal, outcome, OURS)
      if (measured === undefined) return []
      const { of, against, atLeast, atMost } = goal
      const [, title, format] = FIGURES.find(([name]) => name === of) as (typeof FIGURES)[number]
      const written = (value: number): string => (against === undefined ? format(value) : `${value.toFixed(2)} ×`)
      const bound = atLeast === undefined ? `at most ${written(atMost as number)}` : `at least ${written(atLeast)}`
      const holds = measured >= (atLeast ?? 0) && measured <= (atMost ?? Number.POSITIVE_INFINITY)
      const beside = measuredOf(goal, outcome, 'Upload') as number
      const what = against === undefined ? title : `${title}, against ${against}`
      return [[it.title, what, bound, written(measured), holds ? 'yes' : 'no', written(beside)]]
    }),
  )
  return markdown(['case', `${OURS}: figure`, 'goal', 'measured', 'met', '`Upload`'], rows)
}

function measuredOf(
  { of, against }: ServerGoal,
  outcome: ServerRan['outcome'],
  uploader: Uploader,
): number | undefined {
  const figure = outcome[uploader]?.[of]
  if (against === undefined || figure === undefined) return figure?.median
  const other = outcome[against]?.[of]
  return other && ratio(figure, other)
}

function markdown(head: string[], rows: string[][]): string {
  return `${[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
}
