import type { Log } from '../../shared/log.js';
import type { ConnectorAuthorizer } from '../auth/connector-authorizer.js';
import type { ExchangeParts } from '../tool/exchange.js';
import type { RejectionRateLimiter } from './rejection-rate-limiter.js';
import type { RequestLog } from './request-log.js';
import type { Router } from './router.js';
import type { ServerObserver } from './server-observer.js';

/** Options of the handlers of requests and of CONNECT. */
export interface HandlerOptions {
  readonly authorizer: ConnectorAuthorizer;
  readonly router: Router;
  readonly exchange: ExchangeParts;
  readonly observer: ServerObserver;
  readonly requestLog: RequestLog;
  readonly rejections: RejectionRateLimiter;
  readonly log: Log;
}
