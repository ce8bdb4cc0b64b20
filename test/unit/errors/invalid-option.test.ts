import t from 'tap'
import { invalidOption } from '../../../lib/errors/invalid-option.js'

t.test('an object passed instead of an option is named by its class, and its contents are not shown', async (t) => {
  const message = (value: unknown): string => invalidOption('ERR_INVALID_ARG_TYPE', 'client', 'a client', value).message
  t.match(message(new URL('http://user:secret@host')), /Received an instance of URL$/)
  t.match(message({ secretAccessKey: 'x' }), /Received an instance of Object$/)
  t.match(message(Object.create(null)), /Received an instance of Object$/)
  t.match(
    message(function send() {}),
    /Received function send$/,
  )
})
