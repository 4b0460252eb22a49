import assert from 'node:assert/strict';
import { NonBlockingLineWriter } from '../../../src/process/non-blocking-line-writer.js';
import { eventually } from '../../support/poll.js';

/** A reader that takes as many bytes as it has room for. */
class TestReader {
  room = Infinity;
  writes = 0;
  isGone = false;
  readonly #taken: Buffer[] = [];

  get text(): string {
    return Buffer.concat(this.#taken).toString();
  }

  write(bytes: Buffer): number {
    if (this.isGone) throw new Error('EPIPE');
    this.writes += 1;
    const taken = bytes.subarray(0, Math.min(this.room, bytes.length));
    this.room -= taken.length;
    this.#taken.push(taken);
    return taken.length;
  }
}

describe('NonBlockingLineWriter', () => {
  let reader: TestReader;
  let output: NonBlockingLineWriter;
  let told: number[];
  beforeEach(() => {
    reader = new TestReader();
    told = [];
    output = new NonBlockingLineWriter({
      open: () => ({ write: (bytes) => reader.write(bytes) }),
      maxQueuedBytes: 12,
      gatherMs: 1,
      retryMs: [1, 2],
    });
    output.onResumed((lines) => void told.push(lines));
  });

  it('gathers lines for a moment and writes them together', async () => {
    output.write('one\n');
    output.write('two\n');
    assert.equal(reader.writes, 0);
    await eventually('they are written', () => reader.text === 'one\ntwo\n');
    assert.equal(reader.writes, 1);
  });

  it('drops nothing of a burst that the reader takes', () => {
    const lines = ['one\n', 'two\n', 'three\n', 'four\n', 'five\n'];
    for (const line of lines) output.write(line);
    output.flush();
    assert.equal(reader.text, lines.join(''));
    assert.equal(output.droppedLines, 0);
  });

  it('keeps what the reader does not take, up to its bound, and drops later lines whole', async () => {
    reader.room = 2;
    output.write('one\n');
    output.flush();
    for (const line of ['two\n', 'three\n', 'four\n', 'five\n']) output.write(line);
    assert.equal(reader.text, 'on');
    assert.equal(output.droppedLines, 2);
    assert.deepEqual(told, []);
    reader.room = Infinity;
    await eventually('it has all', () => reader.text === 'one\ntwo\nthree\n');
    assert.deepEqual(told, [2]);
    output.write('six\n');
    output.flush();
    assert.equal(reader.text, 'one\ntwo\nthree\nsix\n');
    assert.deepEqual([told, output.droppedLines], [[2], 2]);
  });

  it('takes a line larger than its bound when nothing else waits', async () => {
    reader.room = 0;
    output.write('a line that is longer\n');
    output.write('x\n');
    assert.equal(output.droppedLines, 1);
    reader.room = Infinity;
    await eventually('it is written', () => reader.text === 'a line that is longer\n');
    assert.deepEqual(told, [1]);
  });

  it('bounds bytes, not characters, and goes on within a character', async () => {
    reader.room = 1;
    output.write('ööö\n');
    output.flush();
    output.write('ö\n');
    output.write('öö\n');
    assert.equal(output.droppedLines, 1);
    reader.room = Infinity;
    await eventually('it has the others', () => reader.text === 'ööö\nö\n');
  });

  it('counts a line that was written in part among those that nobody will read', () => {
    reader.room = 2;
    output.write('one\n');
    output.flush();
    output.write('two\n');
    reader.isGone = true;
    output.flush();
    assert.equal(reader.text, 'on');
    assert.equal(output.droppedLines, 2);
  });

  it('counts the lines that nobody will read, and goes on when somebody does', () => {
    reader.isGone = true;
    output.write('one\n');
    output.write('two\n');
    output.flush();
    assert.equal(output.droppedLines, 2);
    reader.isGone = false;
    output.write('three\n');
    output.flush();
    assert.equal(reader.text, 'three\n');
    assert.deepEqual(told, [2]);
  });

  it('waits for a slow reader at the end, and not for one that stopped', async () => {
    reader.room = 0;
    output.write('one\n');
    setTimeout(() => (reader.room = Infinity), 30);
    await output.drain(60_000);
    assert.equal(reader.text, 'one\n');
    reader.room = 0;
    output.write('two\n');
    await output.drain(20);
    assert.equal(reader.text, 'one\n');
  });
});
