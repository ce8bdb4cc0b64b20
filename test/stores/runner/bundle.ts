import { join } from 'node:path'
import { build } from 'esbuild'

/** Compiles the checks into one file of JavaScript that any runtime can run. The packages that it imports stay out. */
export async function bundleChecks(folder: string): Promise<string> {
  const outfile = join(folder, 'checks.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, '../checks/main.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  })
  return outfile
}
