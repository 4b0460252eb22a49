// A program: makes one call of a TmpfsHost and kills itself before the system call that its argument names.
import fs from 'node:fs';
import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import type { HostCall } from './child-programs.ts';
import { revisionFiles } from './revision-files.ts';
import { TestHost, somebody, unlimited } from './kubelet-dir.ts';
import { changes, wrapSyscalls } from './syscall-wrapper.ts';

const call = JSON.parse(process.argv[2] ?? '') as HostCall;
let count = 0;
let isCounting = false;
const syscalls = wrapSyscalls(loadSyscalls(), (name, args) => {
  if (isCounting && changes(name, args) && ++count === call.killBefore) {
    fs.writeSync(1, name);
    process.kill(process.pid, 'SIGKILL');
  }
  return undefined;
});
const host = new TestHost(
  {
    kubeletDir: call.kubeletDir,
    pageBytes: 4096,
    hasSelinux: false,
    allowsPrivateMounts: true,
    memory: unlimited,
    clock: Date,
    random: Math.random,
  },
  syscalls,
);
host.mountProblem();
isCounting = true;
if (call.action === 'put') host.put(call.target, revisionFiles(call.revision), {}, somebody, call.replaced);
else await host.detach(call.target);
