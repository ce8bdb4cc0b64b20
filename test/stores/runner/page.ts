import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Results, StoreResult } from './results.js'
import type { Store } from './store.js'

export const PAGE = join(import.meta.dirname, '../README.md')

/** The page with the tables that these results make. */
export function pageWith(page: string, stores: Store[], results: Results): string {
  return replaced(replaced(page, 'stores', storeTable(stores, results)), 'runtimes', runtimeTable(stores, results))
}

export function writePage(stores: Store[], results: Results): void {
  writeFileSync(PAGE, pageWith(readFileSync(PAGE, 'utf8'), stores, results))
}

/** The page with another text between the comments of this name. */
function replaced(page: string, name: string, text: string): string {
  const start = `<!-- ${name} -->\n`
  const end = `<!-- end of ${name} -->`
  const [before = '', after] = page.split(start)
  if (after === undefined || !after.includes(end)) throw new Error(`${PAGE} has no place for ${name}`)
  return `${before}${start}\n${text}\n${after.slice(after.indexOf(end))}`
}

function storeTable(stores: Store[], { stores: results }: Results): string {
  const rows = stores.map((store) => {
    const result = results[store.name]
    const options = Object.entries(store.client ?? {}).map(([name, value]) => `\`${name}: '${value}'\``)
    const limits = store.limits.map(({ answer }) => answer)
    return [store.title, store.version, options.join(', ') || 'none', works(result), limits.join('; ') || '–']
  })
  return table(['store', 'version', 'options of the client', 'checks that pass', 'what the store cannot do'], rows)
}

function runtimeTable(stores: Store[], { runtimes }: Results): string {
  const rows = Object.entries(runtimes).map(([key, result]) => {
    const store = stores.find(({ name }) => name === key.split(', ').at(-1))
    const ofStore = store?.limits.flatMap(({ checks }) => checks) ?? []
    const ofRuntime = result.cannot.filter((check) => !ofStore.includes(check))
    return [
      result.runtime,
      result.client,
      `${store?.title} ${result.version}`,
      works(result),
      ofRuntime.join('; ') || '–',
    ]
  })
  return table(['runtime', '`@aws-sdk/client-s3`', 'store', 'checks that pass', 'what does not work there'], rows)
}

/** Such as "60 of 64, 1 fails (2026-11-29)". */
function works(result: StoreResult | undefined): string {
  if (result === undefined) return 'not run'
  const { passed, cannot, failed, date } = result
  const fails = failed.length === 0 ? '' : `, ${failed.length} ${failed.length === 1 ? 'fails' : 'fail'}`
  return `${passed} of ${passed + cannot.length + failed.length}${fails} (${date})`
}

function table(head: string[], rows: string[][]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`)
  return lines.join('')
}
