"""What a person should look at: figures read from Postgres, judged once, and told everywhere under the same names."""
