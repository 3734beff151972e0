SELECT v.no, "order".name FROM main.bronze.vendors AS v JOIN silver.suppliers ON v.no = silver.suppliers.no WHERE v.name LIKE '%it''s%' ORDER BY 1 -- tasks
