import t from 'tap'
import { locationOf } from '../../../lib/upload/location.js'

const URL = 'https://s3/b/a%20b'

t.test('Location is encoded if the store has not encoded it, and never twice', async (t) => {
  const cases: [Key: string, answered: string | undefined, Location: string][] = [
    ['a b', undefined, URL],
    ['a b', '', URL],
    ['a b', 'http://s3/b/a b', 'http://s3/b/a%20b'],
    ['a b', 'http://s3/b/a%20b', 'http://s3/b/a%20b'],
    ['a b', 'http://s3/b/a+b', 'http://s3/b/a+b'],
    ['dir/ü+#?.bin', 'http://s3/b/dir/ü+#?.bin', 'http://s3/b/dir/%C3%BC%2B%23%3F.bin'],
    ['dir/ü+#?.bin', 'https://b.s3/dir%2F%C3%BC%2B%23%3F.bin', 'https://b.s3/dir%2F%C3%BC%2B%23%3F.bin'],
    // A key that looks encoded.
    ['a%20b', 'http://s3/b/a%20b', 'http://s3/b/a%2520b'],
    ['a%20b', 'http://s3/b/a%2520b', 'http://s3/b/a%2520b'],
    ['%25', 'http://s3/b/%25', 'http://s3/b/%2525'],
    ['%25', 'http://s3/b/%2525', 'http://s3/b/%2525'],
    ['plain/key.bin', 'http://s3/b/plain/key.bin', 'http://s3/b/plain/key.bin'],
  ]
  for (const [Key, answered, Location] of cases) {
    t.equal(locationOf(answered, URL, Key), Location, `${Key} ${answered}`)
  }
})
