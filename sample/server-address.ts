import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AddressInfo } from 'node:net';

/** Where this server listens, once it does. */
@Injectable()
export class ServerAddress {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  get url(): string {
    const server = this.adapterHost.httpAdapter.getHttpServer() as { address(): AddressInfo };
    const { address, family, port } = server.address();
    const isEverywhere = address === '::' || address === '0.0.0.0';
    return `http://${isEverywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }
}
