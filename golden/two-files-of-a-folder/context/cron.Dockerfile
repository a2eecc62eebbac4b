FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends cron
COPY crontab /etc/cron.d/jobs
CMD ["cron", "-f"]
