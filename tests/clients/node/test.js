// SPDX-License-Identifier: BSD-3-Clause
//
// A smoke test with ioredis, as an application uses it: strings, keys, all types, pipelines, transactions, scripts, publishing.
'use strict'

const assert = require('node:assert')
const { Redis } = require('ioredis')

let passed = 0
let failed = 0

async function check (name, body) {
  try {
    await body()
    passed++
  } catch (error) {
    failed++
    console.log(`[err]: ioredis: ${name}: ${error.message}`)
  }
}

async function main () {
  const [host, port] = process.argv[2].split(':')
  const redis = new Redis({ host, port: Number(port), db: 8, connectionName: 'smoke' })

  await check('flushdb', async () => assert.strictEqual(await redis.flushdb(), 'OK'))

  await check('set and get', async () => {
    assert.strictEqual(await redis.set('greeting', 'hello', 'EX', 100), 'OK')
    assert.strictEqual(await redis.get('greeting'), 'hello')
    assert.strictEqual(await redis.get('nothing'), null)
    assert.strictEqual(await redis.set('greeting', 'x', 'NX'), null)
  })

  await check('bytes', async () => {
    const bytes = Buffer.alloc(200000, 0xfe)
    bytes[0] = 13
    bytes[1] = 10
    await redis.set('bytes', bytes)
    assert.ok(bytes.equals(await redis.getBuffer('bytes')))
  })

  await check('text beyond ASCII', async () => {
    await redis.set('text', 'žluťoučký 馬')
    assert.strictEqual(await redis.get('text'), 'žluťoučký 馬')
  })

  await check('numbers', async () => {
    assert.strictEqual(await redis.incrby('n', 41), 41)
    assert.strictEqual(await redis.incr('n'), 42)
    assert.strictEqual(Number(await redis.incrbyfloat('f', 1.5)), 1.5)
    await assert.rejects(redis.incr('greeting'), /value is not an integer or out of range/)
  })

  await check('several keys', async () => {
    assert.strictEqual(await redis.mset({ a: 1, b: 2 }), 'OK')
    assert.deepStrictEqual(await redis.mget('a', 'nothing', 'b'), ['1', null, '2'])
    assert.strictEqual(await redis.del('a', 'b', 'nothing'), 2)
  })

  await check('expiry', async () => {
    const ttl = await redis.ttl('greeting')
    assert.ok(ttl > 90 && ttl <= 100)
    assert.strictEqual(await redis.persist('greeting'), 1)
    assert.strictEqual(await redis.ttl('greeting'), -1)
  })

  await check('a pipeline of many commands', async () => {
    const pipeline = redis.pipeline()
    for (let i = 0; i < 2000; i++) pipeline.set(`key:${i}`, i)
    pipeline.incr('greeting')
    for (let i = 0; i < 2000; i++) pipeline.get(`key:${i}`)
    const replies = await pipeline.exec()
    assert.strictEqual(replies.length, 4001)
    assert.match(replies[2000][0].message, /not an integer/)
    assert.deepStrictEqual(replies[4000], [null, '1999'])
  })

  await check('scan', async () => {
    const keys = new Set()
    for await (const found of redis.scanStream({ match: 'key:*', count: 100 })) found.forEach(key => keys.add(key))
    assert.strictEqual(keys.size, 2000)
  })

  await check('a transaction', async () => {
    const replies = await redis.multi().set('t', 1).incr('t').get('t').exec()
    assert.deepStrictEqual(replies, [[null, 'OK'], [null, 2], [null, '2']])
  })

  await check('publishing', async () => {
    const subscriber = redis.duplicate()
    await subscriber.subscribe('news')
    const message = new Promise(resolve => subscriber.on('message', (channel, text) => resolve([channel, text])))
    assert.strictEqual(await redis.publish('news', 'extra'), 1)
    assert.deepStrictEqual(await message, ['news', 'extra'])
    await subscriber.quit()
  })

  await check('all types', async () => {
    assert.strictEqual(await redis.rpush('list', 'a', 'b', 'c'), 3)
    assert.deepStrictEqual(await redis.blpop('list', 1), ['list', 'a'])
    assert.strictEqual(await redis.sadd('set', 'x', 'y'), 2)
    assert.strictEqual(await redis.hset('hash', { name: 'value' }), 1)
    assert.deepStrictEqual(await redis.hgetall('hash'), { name: 'value' })
    assert.strictEqual(await redis.zadd('zset', 1.5, 'a', 3, 'b'), 2)
    assert.deepStrictEqual(await redis.zrange('zset', 0, -1, 'WITHSCORES'), ['a', '1.5', 'b', '3'])
    assert.strictEqual(await redis.xadd('stream', '1-1', 'k', 'v'), '1-1')
    assert.deepStrictEqual(await redis.xread('STREAMS', 'stream', '0'), [['stream', [['1-1', ['k', 'v']]]]])
    assert.strictEqual(await redis.pfadd('hll', 'a', 'b'), 1)
    assert.strictEqual(await redis.geoadd('geo', 13.361389, 38.115556, 'Palermo'), 1)
    assert.strictEqual(await redis.setbit('bits', 7, 1), 0)
    assert.strictEqual(await redis.restore('zset2', 0, await redis.dumpBuffer('zset')), 'OK')
  })

  await check('scripts', async () => {
    redis.defineCommand('add', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" })
    assert.strictEqual(await redis.add('scripted', 5), 5)
    assert.strictEqual(await redis.add('scripted', 5), 10)
    await assert.rejects(redis.eval("return redis.error_reply('MY error')", 0), /MY error/)
  })

  await check('commands sent without waiting', async () => {
    const replies = await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.echo(String(i))))
    replies.forEach((reply, i) => assert.strictEqual(reply, String(i)))
  })

  await check('what the server tells of itself', async () => {
    assert.match(await redis.info('server'), /redis_version:8\./)
    assert.deepStrictEqual(await redis.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction'])
    assert.strictEqual(await redis.client('GETNAME'), 'smoke')
    assert.ok(await redis.command('COUNT') > 20)
  })

  await redis.flushdb()
  await redis.quit()
  console.log(`ioredis: ${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

main().catch(error => {
  console.log(`[err]: ioredis: ${error.stack}`)
  console.log(`ioredis: ${passed} passed, ${failed + 1} failed`)
  process.exit(1)
})
