import t from 'tap'
import { networkArguments } from '../../../lib/threads/thread.js'

t.test('a thread gets the arguments of Node that are about connections, and no others', (t) => {
  const kept = [
    ['--dns-result-order', 'ipv4first'],
    ['--dns-result-order=ipv6first', '--max-http-header-size=9999'],
    ['--tls-min-v1.3', '--tls-max-v1.3', '--insecure-http-parser'],
    ['--no-network-family-autoselection', '--network-family-autoselection-attempt-timeout', '500'],
  ]
  for (const words of kept) t.same(networkArguments(['--import', 'tsx', ...words, '--eval', 'code']), words)
  t.same(networkArguments(['--input-type=module', '--max-http-header-size=1', 'word']), ['--max-http-header-size=1'])
  t.same(networkArguments([]), [])
  t.end()
})
