import { Controller, Get, Query } from '@nestjs/common'

import { Crossing, CrossingsService } from './crossings.service'

@Controller()
export class CrossingsController {
  constructor(private readonly crossings: CrossingsService) {}

  @Get('health')
  health() {
    return { status: 'ok' }
  }

  @Get('crossings')
  list(@Query('from') from?: string): Crossing[] {
    return this.crossings.from(from)
  }
}
