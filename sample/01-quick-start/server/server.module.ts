import { Module } from '@nestjs/common';
import { ServerAddress } from '../../server-address.js';

@Module({ providers: [ServerAddress], exports: [ServerAddress] })
export class ServerModule {}
