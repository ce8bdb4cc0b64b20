import t from 'tap'
import {
  COMPLETE,
  carryOutThen,
  closeConnection,
  htmlAnswer,
  OPERATIONS,
  uploadBy,
} from '../support/object-requests.js'
import { type SmallStore, smallStore } from '../support/small-store.js'

t.test('an upload that the store completes after a gateway timeout is a success', async (t) => {
  const store: SmallStore = await smallStore(
    t,
    {
      [COMPLETE]: (exchange) => {
        setTimeout(() => store.complete('k'), 3000)
        return htmlAnswer(504)(exchange)
      },
    },
    { maxAttempts: 1 },
  )
  t.equal((await uploadBy(COMPLETE, store)).ETag, store.objects.get('k')?.ETag)
  t.equal(store.of('AbortMultipartUpload').length, 0)
})

t.test('a PutObject that is carried out a moment after its connection broke is a success', async (t) => {
  const store: SmallStore = await smallStore(
    t,
    {
      PutObject: ({ body, response }) => {
        setTimeout(() => store.put('k', body), 300)
        response.destroy()
      },
    },
    { maxAttempts: 1 },
  )
  t.equal((await uploadBy('PutObject', store)).ETag, store.objects.get('k')?.ETag)
})

t.test('HeadObject is sent before anything is aborted, and again until it is answered', async (t) => {
  for (const operation of OPERATIONS) {
    const store: SmallStore = await smallStore(
      t,
      {
        [operation]: carryOutThen(() => store, closeConnection),
        HeadObject: ({ seen, response }) => (seen.attempt <= 4 ? response.destroy() : 'as usual'),
      },
      { maxAttempts: 1 },
    )
    const { ETag } = await uploadBy(operation, store)
    t.equal(ETag, store.objects.get('k')?.ETag)
    t.equal(store.of('HeadObject').length, 5)
    t.equal(store.of('AbortMultipartUpload').length, 0)
  }
})
