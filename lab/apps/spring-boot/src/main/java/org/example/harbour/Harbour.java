package org.example.harbour;

import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class Harbour {
    record Berth(String name, int metres) {}

    @GetMapping("/berths")
    List<Berth> berths() {
        return List.of(new Berth("North quay", 220), new Berth("Fish dock", 45));
    }

    @GetMapping("/health")
    Map<String, String> health() {
        return Map.of("status", "ok");
    }

    public static void main(String[] arguments) {
        SpringApplication.run(Harbour.class, arguments);
    }
}
