import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ProxyCaFile } from '../../../src/driver/proxy-ca-file.ts';
import { keptLog } from '../../support/log-lines.ts';

const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const privateKey = '-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n';

describe('the file of --proxy-ca-file', () => {
  const { log, lines } = keptLog();
  let folder: string;
  let file: string;
  beforeEach(() => {
    lines.length = 0;
    folder = fs.mkdtempSync(path.join(tmpdir(), 'ca-'));
    file = path.join(folder, 'ca.pem');
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const replace = (text: string): void => {
    fs.writeFileSync(`${file}.next`, text);
    fs.renameSync(`${file}.next`, file);
  };

  it('gives certificates only, whatever stands between them', () => {
    replace(`# ours\n${certificate}-----BEGIN SECRET-----\nMHcC\n-----END SECRET-----\n${certificate}`);
    assert.equal(new ProxyCaFile(file, log).read(), certificate + certificate);
  });

  for (const [what, text, why] of [
    ['is missing', undefined, /: ENOENT: /],
    ['holds no certificate', 'hello', /: the file holds no PEM certificate$/],
    ['holds a private key too', certificate + privateKey, /: the file holds a private key: give it certificates only$/],
    [
      'holds a private key of a kind with a number',
      certificate + privateKey.replaceAll('EC ', 'SSH2 '),
      /a private key/,
    ],
    ['holds a private key of the general kind', `${certificate}-----BEGIN PRIVATE KEY-----`, /a private key/],
  ] as const) {
    it(`is refused with the reason when it ${what}, which is no secret`, () => {
      if (text !== undefined) replace(text);
      const reader = new ProxyCaFile(file, log);
      assert.throws(
        () => reader.read(),
        (error: Error) =>
          error.message.startsWith(`--proxy-ca-file ${file} of the driver cannot be used: `) &&
          why.test(error.message) &&
          !error.message.includes('MHcC'),
      );
      replace(certificate);
      assert.equal(reader.read(), certificate);
    });

    it(`keeps its last good content when it ${what}, and is reported once`, () => {
      replace(certificate);
      const reader = new ProxyCaFile(file, log);
      reader.read();
      if (text === undefined) fs.rmSync(file);
      else replace(text);
      assert.deepEqual([reader.read(), reader.read()], [certificate, certificate]);
      assert.equal(lines.length, 1);
    });
  }
});
