import koffi from 'koffi';

/** The same on every architecture but those that Node does not run on. */
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/**
 * Binds accept4(2): takes a connection that waits at a listening socket, without waiting for one.
 * @returns of the function: the connection's descriptor, or a negative number when none waits or none can be had.
 */
export function loadAccept(): (listenerFd: number) => number {
  const accept4 = koffi.load(null).func('int accept4(int, void *, void *, int)') as (
    fd: number,
    address: null,
    addressLength: null,
    flags: number,
  ) => number;
  return (listenerFd) => accept4(listenerFd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
