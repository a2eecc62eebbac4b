import { Module } from '@nestjs/common'

import { CrossingsController } from './crossings.controller'
import { CrossingsService } from './crossings.service'

@Module({ controllers: [CrossingsController], providers: [CrossingsService] })
export class AppModule {}
