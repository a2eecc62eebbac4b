package com.example;

public class Site {
    public static void main(String[] arguments) {
        System.out.println("ready");
    }
}
