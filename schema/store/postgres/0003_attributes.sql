-- what is known of whoever has the token, by names, as JSON
ALTER TABLE lucarne_tokens ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
