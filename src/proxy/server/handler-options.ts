import type { Log } from '../../shared/log.ts';
import type { ConnectorAuthorizer } from '../auth/connector-authorizer.ts';
import type { ExchangeParts } from '../tool/exchange.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { RejectionRateLimiter } from './rejection-rate-limiter.ts';
import type { RequestLog } from './request-log.ts';
import type { Router } from './router.ts';
import type { ServerObserver } from './server-observer.ts';

/** Options of the handlers of requests and of CONNECT. */
export interface HandlerOptions {
  readonly authorizer: ConnectorAuthorizer;
  readonly router: Router;
  readonly exchange: ExchangeParts;
  readonly observer: ServerObserver;
  readonly requestLog: RequestLog;
  readonly rejections: RejectionRateLimiter;
  readonly threads: ThreadShares;
  readonly log: Log;
}
