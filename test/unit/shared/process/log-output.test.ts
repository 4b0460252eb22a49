import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LogOutput } from '../../../../src/shared/process/log-output.ts';
import { eventually } from '../../../support/poll.ts';

const line = `${'x'.repeat(4095)}\n`;
const limits = { maxQueuedBytes: 64 << 10, gatherMs: 1 };

describe('LogOutput', () => {
  let folder: string;
  let fifo: string;
  let reading: number;
  let writing: number;
  let output: LogOutput;
  let told: number[];
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(tmpdir(), 'log-output-'));
    fifo = path.join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    reading = openReader();
    writing = fs.openSync(fifo, 'w');
    told = [];
    output = new LogOutput(writing, limits);
    output.onResumed((lines) => void told.push(lines));
  });
  afterEach(async () => {
    // Ends the attempts to write to a full pipe.
    for (let left = false; !left;) {
      readAll();
      await output.drain(20);
      left = readAll() === '';
    }
    fs.closeSync(reading);
    fs.closeSync(writing);
    fs.rmSync(folder, { recursive: true });
  });

  const openReader = (): number => fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const readAll = (): string => {
    const buffer = Buffer.alloc(1 << 20);
    try {
      return buffer.toString('utf8', 0, fs.readSync(reading, buffer));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
      return '';
    }
  };
  const untilRead = async (isEnough: (text: string) => boolean): Promise<string> => {
    let text = '';
    await eventually('it is written', () => isEnough((text += readAll())));
    return text;
  };

  it('writes lines in order, and drops none that the reader takes', async () => {
    output.write('one\n');
    output.write('two\n');
    await output.drain(5000);
    output.write('three\n');
    assert.equal(await untilRead((text) => text.includes('three')), 'one\ntwo\nthree\n');
    assert.deepEqual([output.droppedLines, told], [0, []]);
  });

  it('keeps lines up to its limit while the reader is blocked, drops later ones whole, and reports them', async () => {
    const count = 64;
    // A pipe has 64 KiB, and so has the queue.
    for (let at = 0; at < count; at += 1) {
      output.write(line);
      if (at % 8 === 7) await output.drain(20);
    }
    assert.ok(output.droppedLines > 0 && output.droppedLines < count);
    assert.deepEqual(told, []);
    let text = '';
    await eventually('it goes on', () => {
      text += readAll();
      return told.length === 1;
    });
    text += readAll();
    assert.deepEqual(told, [output.droppedLines]);
    assert.equal(text, line.repeat(count - output.droppedLines));
  });

  it('outlives its reader, and goes on when there is another one', async () => {
    fs.closeSync(reading);
    output.write('one\n');
    await output.drain(5000);
    for (let at = 0; at < 32; at += 1) output.write(line);
    await output.drain(5000);
    assert.ok(output.droppedLines > 0);
    reading = openReader();
    output.write('last\n');
    assert.match(await untilRead((text) => text.includes('x\n')), /^one\n/);
  });

  it('waits for a reader that is blocked no longer than it may', async () => {
    for (let at = 0; at < 32; at += 1) output.write(line);
    await output.drain(20);
    assert.notEqual(readAll(), '');
  });
});
