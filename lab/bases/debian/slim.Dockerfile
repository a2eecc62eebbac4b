# debian:SUITE-slim: without manuals, documents and translations, and dpkg leaves them out of what is installed later.
ARG SUITE
FROM debian:${SUITE} AS slim
RUN cd /usr/share \
    && find doc ! -type d ! -name copyright -delete \
    && find doc -depth -type d -empty -delete \
    && rm -rf man/* info/* locale/* groff/* lintian/* linda/*
RUN <<'CONF' cat > /etc/dpkg/dpkg.cfg.d/docker
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/groff/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
CONF

FROM scratch
COPY --from=slim / /
CMD ["bash"]
