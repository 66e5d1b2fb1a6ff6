// SPDX-License-Identifier: BSD-3-Clause
//
// A smoke test with node-redis: RESP2 and RESP3, all types, scripts, publishing, and caching on the client's side.
'use strict'

const assert = require('node:assert')
const { createClient, defineScript } = require('redis')

let passed = 0
let failed = 0

async function check (name, body) {
  try {
    await body()
    passed++
  } catch (error) {
    failed++
    console.log(`[err]: node-redis: ${name}: ${error.message}`)
  }
}

async function tests (url, RESP) {
  const p = `RESP${RESP}: `
  const scripts = {
    add: defineScript({
      NUMBER_OF_KEYS: 1,
      SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
      parseCommand (parser, key, n) { parser.pushKey(key); parser.push(String(n)) },
      transformReply: undefined
    })
  }
  const options = { url, RESP, database: 5, name: 'smoke', scripts }
  const redis = await createClient(options).on('error', error => console.log(`node-redis: ${error.message}`)).connect()
  await redis.flushDb()

  await check(p + 'strings', async () => {
    assert.strictEqual(await redis.set('greeting', 'hello', { expiration: { type: 'EX', value: 100 } }), 'OK')
    assert.strictEqual(await redis.get('greeting'), 'hello')
    assert.strictEqual(await redis.get('nothing'), null)
    assert.strictEqual(await redis.incrBy('n', 41), 41)
    await assert.rejects(redis.incr('greeting'), /value is not an integer or out of range/)
  })

  await check(p + 'commands sent without waiting', async () => {
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.echo(String(i))))
    replies.forEach((reply, i) => assert.strictEqual(reply, String(i)))
  })

  await check(p + 'lists', async () => {
    assert.strictEqual(await redis.rPush('list', ['a', 'b', 'c']), 3)
    assert.deepStrictEqual(await redis.lRange('list', 0, -1), ['a', 'b', 'c'])
    assert.strictEqual(await redis.lMove('list', 'other', 'LEFT', 'RIGHT'), 'a')
  })

  await check(p + 'sets', async () => {
    assert.strictEqual(await redis.sAdd('set', ['x', 'y']), 2)
    assert.deepStrictEqual([...await redis.sMembers('set')].sort(), ['x', 'y'])
  })

  await check(p + 'hashes', async () => {
    assert.strictEqual(await redis.hSet('hash', { name: 'value', n: '1' }), 2)
    assert.deepStrictEqual({ ...await redis.hGetAll('hash') }, { name: 'value', n: '1' })
    assert.deepStrictEqual(await redis.hExpire('hash', ['name', 'nothing'], 100), [1, -2])
  })

  await check(p + 'sorted sets', async () => {
    assert.strictEqual(await redis.zAdd('zset', [{ score: 1.5, value: 'a' }, { score: 3, value: 'b' }]), 2)
    assert.deepStrictEqual(await redis.zRangeWithScores('zset', 0, -1), [{ value: 'a', score: 1.5 }, { value: 'b', score: 3 }])
    assert.strictEqual(await redis.zScore('zset', 'b'), 3)
  })

  await check(p + 'streams', async () => {
    assert.strictEqual(await redis.xAdd('stream', '1-1', { k: 'v' }), '1-1')
    assert.strictEqual(await redis.xGroupCreate('stream', 'group', '0'), 'OK')
    const read = await redis.xReadGroup('group', 'me', { key: 'stream', id: '>' })
    assert.strictEqual(read[0].messages[0].id, '1-1')
    assert.strictEqual(await redis.xAck('stream', 'group', '1-1'), 1)
  })

  await check(p + 'a transaction', async () => {
    assert.deepStrictEqual(await redis.multi().set('t', '1').incr('t').get('t').exec(), ['OK', 2, '2'])
  })

  await check(p + 'a transaction that is disturbed', async () => {
    const other = await redis.duplicate().connect()
    await redis.watch('t')
    await other.set('t', '9')
    await assert.rejects(redis.multi().incr('t').exec())
    other.destroy()
  })

  await check(p + 'scripts', async () => {
    assert.strictEqual(await redis.add('scripted', 5), 5)
    assert.strictEqual(await redis.add('scripted', 5), 10)
    assert.deepStrictEqual(await redis.eval("return {1, 'two', {3}}"), [1, 'two', [3]])
  })

  await check(p + 'functions', async () => {
    const code = "#!lua name=smokejs\nredis.register_function('triple', function(keys, args) return args[1] * 3 end)"
    assert.strictEqual(await redis.functionLoad(code, { REPLACE: true }), 'smokejs')
    assert.strictEqual(await redis.fCall('triple', { arguments: ['14'] }), 42)
    await redis.functionDelete('smokejs')
  })

  await check(p + 'publishing', async () => {
    const subscriber = await redis.duplicate().connect()
    const message = new Promise(resolve => subscriber.subscribe('news', (text, channel) => resolve([channel, text])))
    while (await redis.publish('news', 'extra') === 0);
    assert.deepStrictEqual(await message, ['news', 'extra'])
    subscriber.destroy()
  })

  if (RESP === 3) {
    await check(p + 'caching', async () => {
      const caching = await createClient({ ...options, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } }).connect()
      await redis.set('cached', 'v')
      assert.strictEqual(await caching.get('cached'), 'v')
      assert.strictEqual(await caching.get('cached'), 'v')
      await redis.set('cached', 'w')
      let value
      for (let i = 0; i < 500 && value !== 'w'; i++) {
        value = await caching.get('cached')
        await new Promise(resolve => setTimeout(resolve, 10))
      }
      assert.strictEqual(value, 'w')
      caching.destroy()
    })
  }

  await redis.flushDb()
  redis.destroy()
}

async function main () {
  for (const RESP of [2, 3]) await tests(`redis://${process.argv[2]}`, RESP)
  console.log(`node-redis: ${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

main().catch(error => {
  console.log(`[err]: node-redis: ${error.stack}`)
  console.log(`node-redis: ${passed} passed, ${failed + 1} failed`)
  process.exit(1)
})
