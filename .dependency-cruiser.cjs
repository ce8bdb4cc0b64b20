/**
 * The direction of imports within lib: a file imports only from rooms above its own in this list, and from its own room.
 * The command is not in the list: it imports only what the package exports. https://github.com/sverweij/dependency-cruiser
 */
const ROOMS = [
  'lib/errors/',
  'lib/diagnostics/',
  'lib/checksums/',
  'lib/parts/',
  'lib/options/',
  'lib/requests/',
  'lib/upload/',
  'lib/resume/',
  'lib/uploads.ts',
  'lib/s3-writable.ts',
  'lib/index.ts',
  'lib/threads/',
]

module.exports = {
  forbidden: [
    ...ROOMS.map((room, index) => ({
      name: `${room} imports only from rooms above it`,
      severity: 'error',
      from: { path: `^${room}` },
      to: { path: '^lib/', pathNot: ROOMS.slice(0, index + 1).map((above) => `^${above}`) },
    })),
    {
      name: 'lib/cli imports nothing of lib but what the package exports',
      severity: 'error',
      from: { path: '^lib/cli/' },
      to: { path: '^lib/', pathNot: '^lib/(cli/|index[.]ts$|threads/index[.]ts$)' },
    },
    {
      name: 'a new file of lib has a room in the list',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/cli/', ...ROOMS.map((room) => `^${room}`)] },
      to: {},
    },
    { name: 'no cycle', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    // An import of a type is an import too.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    moduleSystems: ['es6'],
  },
}
