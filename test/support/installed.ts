import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Names of packages. */
type Names = Record<string, string> | undefined
/** A package in npm's list of what it has installed. */
interface Entry {
  dependencies?: Names
  optionalDependencies?: Names
  peerDependencies?: Names
}

/** The packages that npm has installed into a folder. */
export class Installed {
  readonly #folder: string
  /** By their path, such as `node_modules/a/node_modules/b`. */
  readonly #entries: Record<string, Entry>

  constructor(folder: string) {
    this.#folder = folder
    const list = readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')
    this.#entries = (JSON.parse(list) as { packages: Record<string, Entry> }).packages
  }

  /** The paths of these packages and of all that they need. */
  needs(names: string[]): Set<string> {
    const found = new Set<string>()
    const add = (name: string, from: string): void => {
      const path = this.#resolve(name, from)
      // An optional package for another system is not installed.
      if (path === undefined || found.has(path)) return
      found.add(path)
      const { dependencies, optionalDependencies, peerDependencies } = this.#entries[path] ?? {}
      for (const needed of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
        add(needed, path)
      }
    }
    for (const name of names) add(name, '')
    return found
  }

  /** The bytes of the files of these packages. */
  bytes(paths: Iterable<string>): number {
    return [...paths].reduce((sum, path) => sum + bytesOf(join(this.#folder, path)), 0)
  }

  /** The path of the package that Node takes for this name in a package. */
  #resolve(name: string, from: string): string | undefined {
    const path = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`
    if (path in this.#entries && existsSync(join(this.#folder, path))) return path
    return from === '' ? undefined : this.#resolve(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))))
  }
}

/** The bytes of the files in a folder, without the packages that are installed in it. */
function bytesOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => join(folder, entry.name))
    .reduce((sum, path) => sum + (statSync(path).isDirectory() ? bytesOf(path) : statSync(path).size), 0)
}
